"""What every HTML page needs: server, middleware, routes, forms, errors. It knows no feature."""
