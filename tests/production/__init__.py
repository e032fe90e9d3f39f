"""docker-compose.yml and Dockerfile, proved as far as plain processes go: no engine runs here."""
