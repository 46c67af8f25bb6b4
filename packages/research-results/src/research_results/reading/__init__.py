"""Reading: experiments that a filter lets through, their configs, values, status and files."""
