from harbour.database import create_tables
from harbour.main import app

if __name__ == "__main__":
    app.call_sync(create_tables)
