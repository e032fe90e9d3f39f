"""The node package in a real n8n, on the stack that `make up` starts."""
