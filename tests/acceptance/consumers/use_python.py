"""The client of openapi-python-client."""

import json
import sys
import uuid

from rich_client import AuthenticatedClient, Client
from rich_client.api.errors import get_errors
from rich_client.api.items import get_items, get_items_by_id, post_items
from rich_client.api.pets import post_pets, put_pets
from rich_client.api.private import get_private
from rich_client.models import CatInput, Color, HouseholdInput, Item, PartInput

client = Client(base_url=sys.argv[1])
item = Item(name="Rice", main_color=Color.BLUE, size=[2, 3], parts=[PartInput(unit_weight=2.5)])
stored = post_items.sync(client=client, body=item)
taken = post_items.sync_detailed(client=client, body=item)
listed = get_items.sync(client=client, page=1, color=Color.BLUE)
wrong = get_items.sync_detailed(client=client, page=0)
read = get_items_by_id.sync(client=client, id=stored.id)
missing = get_items_by_id.sync_detailed(client=client, id=uuid.uuid4())
pet = post_pets.sync(client=client, body=CatInput(type_="cat", name="Tom"))
household = put_pets.sync(client=client, body=HouseholdInput(street_name="Lane"))
problem = get_errors.sync(client=client, code=7)
secret = get_private.sync(client=AuthenticatedClient(base_url=sys.argv[1], token="secret"))
print(
    json.dumps(
        [
            read.first_seen.isoformat(),
            int(taken.status_code),
            taken.parsed.taken,
            "Rice" in [one.name for one in listed],
            int(wrong.status_code),
            wrong.parsed.errors[0].place,
            [int(missing.status_code), missing.parsed],
            pet.lives,
            household.last_visit,
            problem.code,
            secret.to_dict(),
        ]
    )
)
