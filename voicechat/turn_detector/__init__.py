"""What tells a pause to think from the end of a turn, one file each; the file name is the name on the command line."""
