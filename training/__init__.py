"""Data recipes, rewards, exporters and trainers: trajectories in, adapters out."""
