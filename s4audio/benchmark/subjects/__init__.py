"""What can be measured, one module each, with a function `prepare(case) -> Probe`.

`Case.subject` is the name of the module. A module is imported only by the process that measures it.
"""
