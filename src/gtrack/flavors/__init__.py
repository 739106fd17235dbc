"""Saving models into folders and loading them again, one module a framework; nothing is unpickled on read.

A folder holds an ``MLmodel`` file, the framework's own safe format, the requirements, an example of the input and the
signature. MLflow reads it as well (https://mlflow.org/docs/latest/ml/model/).
"""
