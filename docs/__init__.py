"""The pages and what makes them: generated tables, the picture of the imports, the site."""
