"""The subcommands of `s4audio`, one module each, imported only when called."""
