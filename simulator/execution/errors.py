"""What can keep a network from being executed."""


class NotExecutableError(Exception):
    """Something has no form that can be executed on data; the message names it and says why."""


class WiringError(Exception):
    """The layers do not compute the network: the message names the layer and what is wrong.

    A layer reads what is not among its inputs, does less or more than the nodes it covers, or has
    operands of other sizes.
    """
