"""What blinded readers said of real and synthetic images, as statistics; arrays and tables alone."""
