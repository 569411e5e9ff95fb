"""How fast is each stage, beside the best public code or the plain way to the same result?"""
