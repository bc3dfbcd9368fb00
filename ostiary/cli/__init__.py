"""The ostiary command. A thin face over the features, one file per resource."""
