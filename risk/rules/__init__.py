"""The checks' rules, one function each, by what they look at; `risk.checks` puts them in order."""
