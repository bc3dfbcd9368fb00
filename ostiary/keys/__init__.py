"""The keys that sign what applications may verify: made, published, rotated. What is signed belongs to protocols."""
