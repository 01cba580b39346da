"""The outside world is met here and nowhere else: AWS, SSH, git, HTTP.

Foreign errors are translated once, into `remote.errors`. Nothing here knows Django, and nothing above imports boto3, paramiko,
subprocess or an HTTP client.
"""
