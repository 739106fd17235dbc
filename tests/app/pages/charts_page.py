"""The page of charts alone, for the tests in a browser."""

from apptest import _script as show

show("charts")
