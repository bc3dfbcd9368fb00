"""The history of the schema, one for both databases. A revision is named like its file, and files sort in order.

It owns tables and their changes; the feed's triggers are laid anew after every upgrade, from what the code knows."""
