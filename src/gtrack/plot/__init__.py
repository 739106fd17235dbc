"""Curves as they are drawn: placed on an axis, smoothed, thinned out, coloured; as a web page and as a picture."""
