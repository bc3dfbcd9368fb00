"""What each of our hosts looks like and which flows it begins with. Who may sign in there is not decided here."""
