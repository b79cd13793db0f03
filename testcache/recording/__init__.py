"""What a test read: code executed, modules imported, files, variables, processes, network."""
