"""Are synthetic images copies, and do they tell who was trained on?"""
