raise RuntimeError("s3cr3t import")
