"""Charts as frozen values: where each mark stands. The macros of `app/templates/ui/charts.html` draw them."""
