"""Tools for whoever develops Transfer Lab; the app never imports them."""
