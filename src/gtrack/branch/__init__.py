"""Git: objects, references, locked commits, code snapshots. The only place that knows dulwich or the git executable."""
