"""What is written from the topic catalogue: AsyncAPI, the ACL list, the topic table."""
