"""How files of images, masks and tables are read: one kind of file, one module."""
