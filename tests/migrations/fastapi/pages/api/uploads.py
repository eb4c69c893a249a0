from apiroutes import UploadFile


def POST(file: UploadFile):
    return len(file.read())


def PUT(photos: list[UploadFile]):
    return len(photos)
