"""How good is a checkpoint of six open sets, and what does beginning from it give?"""
