"""Values: their exact form as text, and which of them are the same.

``form``      the exact form of a value, its digest, and equality
``writer``    how a form is put together from those of its parts
``numbers``   numbers, exactly and by value
``arrays``    arrays and scalars of numpy
``frames``    what pandas makes
``names``     names of functions, classes and objects
``code``      functions and classes
``source``    where the source of code is
"""

from research_domain.values.form import count_as, digest, is_plain, same
from research_domain.values.names import lasting_name

__all__ = ["count_as", "digest", "is_plain", "lasting_name", "same"]
