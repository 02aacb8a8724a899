"""x"""


def cases():
    """x"""
    return []
