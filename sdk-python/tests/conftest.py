from fake_executor import play  # noqa: F401
