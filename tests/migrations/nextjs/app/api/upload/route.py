from apiroutes import UploadFile

config = {"api": {"bodyParser": {"sizeLimit": "4mb"}}}


def POST(photo: UploadFile):
    return len(photo.stream.read())
