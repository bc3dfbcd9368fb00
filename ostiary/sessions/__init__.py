"""The browser's login and its children: cookies, lifetimes, ends. It does not decide who may sign in."""
