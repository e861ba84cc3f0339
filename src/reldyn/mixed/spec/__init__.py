"""What a mixed model consists of: options, random-effect structures, design columns, the arrays of a problem."""
