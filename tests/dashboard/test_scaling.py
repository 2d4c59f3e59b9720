"""How many workers a pool should have: on the farm page, in the API, and for KEDA."""

from typing import Any

from sqlalchemy import insert, update

from farm.accounts import create_key, create_user
from farm.database import write
from farm.ids import new_id
from farm.tables import Pool, ScaleDecision
from tests.dashboard.conftest import House
from tests.dashboard.drawing import Drawer

POOL = "sana-demo-local"
WHY = "1 → 3: 412 GPU-s waiting, target 60 s, start-up 90 s"


def decided(house: House, desired: int | None = 3) -> None:
    with write(house.connections.engine) as connection:
        values = {"desired": desired, "decision": WHY, "decided_at": 1_800_000_000.0, "price_per_hour": 1.5}
        connection.execute(update(Pool).where(Pool.name == POOL).values(values))
        line = {"id": new_id(), "pool": POOL, "at": 1_800_000_000.0, "before": 1, "after": 3, "reason": WHY}
        connection.execute(insert(ScaleDecision).values(line))


def artists_key(house: House) -> dict[str, str]:
    engine, project = house.connections.engine, house.ours.project_id
    artist = create_user(engine, project, f"artist-{new_id()[-12:]}")
    return {"Authorization": f"Bearer {create_key(engine, project, user_id=artist).secret}"}


def test_keda_reads_the_wanted_number_with_an_operators_key(house: House) -> None:
    decided(house)
    Drawer(house.connections, POOL)
    answer = house.get(f"/api/v1/pools/{POOL}/scaling")
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json
    assert (told["desired"], told["ready"], told["starting"], told["decision"]) == (3, 1, 0, WHY)
    assert told["changes"][0] | {"at": ""} == {"at": "", "before": 1, "after": 3, "reason": WHY}


def test_an_artists_key_is_refused_and_a_pool_that_nobody_scales_is_not_found(house: House) -> None:
    decided(house)
    assert house.client.get(f"/api/v1/pools/{POOL}/scaling", headers=artists_key(house)).status_code == 403
    for name in ("wan-demo-local", "nobody's"):
        answer = house.get(f"/api/v1/pools/{name}/scaling")
        assert (answer.status_code, "scaling" in answer.json["detail"]) == (404, True)


def test_pools_say_how_they_are_scaled_and_what_a_worker_costs(house: House) -> None:
    decided(house)
    pools = {pool["name"]: pool for pool in house.get("/api/v1/pools").json["items"]}
    assert (pools[POOL]["price_per_hour"], pools[POOL]["scaling"]["desired"]) == (1.5, 3)
    assert pools["wan-demo-local"]["scaling"] is None


def test_the_farm_page_shows_the_decision_and_the_last_changes(house: House) -> None:
    decided(house)
    page = house.get("/workers").get_data(as_text=True)
    assert WHY in page
    assert "<b>3</b> wanted · 0 ready · 0 starting · 1.50 EUR per worker and hour" in page
    assert "Last changes" in page
