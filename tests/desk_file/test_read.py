"""A desk file is read whole, or everything wrong with it is told at once."""

from datetime import UTC, datetime

import pytest
from tests.desk_file.example import VALID, parsed

from flatbook.adapters.desk_file.read import (
    LARGEST_BYTES,
    check_desk_against,
    desk_text_hash,
    parse_desk,
    read_desk,
)
from flatbook.model.errors import FaultsError
from flatbook.model.hedge_terms import HedgeTerms
from flatbook.model.instruments import Instrument, Kind, Payoff, TickBand
from flatbook.model.parameters import (
    HaircutRange,
    Limit,
    LimitMeasure,
    QuotingRules,
    RiskAppetite,
    UnderlyingTerms,
)


def faults_of(text):
    with pytest.raises(FaultsError) as raised:
        parsed(text)
    return raised.value.faults


def only_fault(old, new):
    assert VALID.count(old) == 1, old
    (fault,) = faults_of(VALID.replace(old, new))
    return fault


def line_of(old):
    return VALID[: VALID.index(old)].count("\n") + 1


def test_a_valid_file_becomes_the_desk(tmp_path):
    path = tmp_path / "desk.toml"
    path.write_text(VALID)

    read = read_desk(path)

    future = Instrument(
        symbol="ESM19", underlying="SPX", kind=Kind.FUTURE, multiplier=50.0, currency="USD", ticks_per_unit=100,
        tick_table=(TickBand(0, 25),), expiry_ns=int(datetime(2019, 6, 21, 13, 30, tzinfo=UTC).timestamp()) * 10**9,
    )  # fmt: skip
    coin = Instrument(
        symbol="BTC-PERPETUAL", underlying="BTC", kind=Kind.FUTURE, multiplier=10.0, currency="BTC", ticks_per_unit=10,
        tick_table=(TickBand(0, 5),), payoff=Payoff.INVERSE, beta=0.9, price_ratio=1.1,
    )  # fmt: skip
    assert read.desk.underlyings == (
        UnderlyingTerms(symbol="SPX", haircut=HaircutRange.BROAD_INDEX, rate=0.024),
    )
    assert read.desk.hedges == (
        HedgeTerms(instrument=future, spread=0.25),
        HedgeTerms(instrument=coin, lot=2, spread=0.5, fee_per_contract=0.1, correlation=0.99),
    )
    assert read.desk.appetite == RiskAppetite(aversion_per_usd=2e-7, index="SPX")
    assert read.desk.quoting == QuotingRules(half_spread_vol_points=0.4, size=20)
    assert read.desk.name == "index desk"
    assert read.limits == (
        Limit(measure=LimitMeasure.VEGA_USD_PER_POINT, underlying="SPX", bucket="1m", limit_hard=120_000.0),
        Limit(measure=LimitMeasure.CLASS_CONTRACTS, option_class="SPXW", limit_hard=4000.0, owner="cro"),
    )
    assert read.text_hash == desk_text_hash(VALID.encode())


def test_the_least_file_has_the_defaults_of_the_model():
    read = parsed("[desk]\nrisk_aversion_per_usd = 1e-6\n")

    assert (read.desk.underlyings, read.desk.hedges, read.limits) == ((), (), ())
    assert (read.desk.quoting, read.desk.appetite) == (QuotingRules(), RiskAppetite(aversion_per_usd=1e-6))


def test_how_volatility_follows_spot_is_told_by_days_to_expiry():
    told = "stickiness_days = [7, 90]\nstickiness = [1.6, 1.2]\nspot_vol_beta = -1\nspot_vol_tenor_exponent = 0.6"
    (terms,) = parsed(VALID.replace("rate = 0.024", told)).desk.underlyings

    assert terms == UnderlyingTerms(
        symbol="SPX", haircut=HaircutRange.BROAD_INDEX, stickiness_days=(7.0, 90.0), stickiness=(1.6, 1.2),
        spot_vol_beta=-1.0, spot_vol_tenor_exponent=0.6,
    )  # fmt: skip


def test_the_desk_may_use_what_was_learned_of_spot_and_volatility():
    told = "spot_vol_estimate = true\nspot_vol_half_life_days = 20\nspot_vol_interval_minutes = 5"
    (terms,) = parsed(VALID.replace("rate = 0.024", told)).desk.underlyings

    assert (terms.spot_vol_estimate, terms.spot_vol_half_life_days, terms.spot_vol_interval_minutes) == (
        True,
        20.0,
        5.0,
    )


def test_an_expiry_in_quotes_is_the_same_instant():
    quoted = VALID.replace("2019-06-21T09:30:00-04:00", '"2019-06-21T13:30:00Z"')

    assert parsed(quoted).desk == parsed(VALID).desk


def test_windows_line_ends_and_a_mark_before_the_text_change_nothing():
    raw = b"\xef\xbb\xbf" + VALID.replace("\n", "\r\n").encode()

    assert parse_desk(raw, "desk.toml").desk == parsed(VALID).desk


@pytest.mark.parametrize(
    ("old", "new", "key", "found", "action"),
    [
        ("rate = 0.024", "rate = 5", "rate", "5", "it is a decimal, not percent: write 0.05 if you mean 5 %"),
        ("rate = 0.024", "rate = 2.4", "rate", "2.4", "it is a decimal, not percent: write 0.024 if you mean 2.4 %"),
        ("rate = 0.024", "rate = nan", "rate", "NaN", "write a finite number"),
        ("rate = 0.024", 'rate = "0.024"', "rate", "'0.024'", "remove the quotes"),
        ("rate = 0.024", "rate = true", "rate", "true", "write a number"),
        ("rate = 0.024", "rate = [1]", "rate", "a list of 1", "write a number"),
        ("rate = 0.024", "stickiness = 1.5", "stickiness", "1.5", "write them in brackets, as [1.0]"),
        ("rate = 0.024", "stickiness = []", "stickiness", "a list of 0", "write them in brackets, as [1.0]"),
        ("rate = 0.024", 'stickiness = ["1.5"]', "stickiness", "a list of 1", "remove the quotes"),
        ("rate = 0.024", "stickiness = [nan]", "stickiness", "a list of 1", "write a finite number"),
        ("rate = 0.024", "stickiness = [7]", "stickiness", "a list of 1", "correct it"),
        ("rate = 0.024", "stickiness = [1.5, 1.2]", "stickiness", "2 numbers for 1 stickiness_days", "write both lists alike in length"),
        ("rate = 0.024", "stickiness_days = [30, 7]\nstickiness = [1, 1]", "stickiness_days", "[30.0, 7.0]", "sort them"),
        ("rate = 0.024", "spot_vol_beta = -30", "spot_vol_beta", "-30", "correct it"),
        ("rate = 0.024", 'spot_vol_estimate = "true"', "spot_vol_estimate", "'true'", "write true or false, without quotes"),
        ("rate = 0.024", "spot_vol_estimate = 1", "spot_vol_estimate", "1", "write true or false, without quotes"),
        ("rate = 0.024", "spot_vol_half_life_days = 0", "spot_vol_half_life_days", "0", "correct it"),
        ("rate = 0.024", "spot_vol_interval_minutes = -1", "spot_vol_interval_minutes", "-1", "correct it"),
        ("rate = 0.024", "rates = 0.024", "rates", "unknown key 'rates'", "did you mean rate?"),
        ("rate = 0.024", "lot = 1", "lot", "unknown key 'lot'", "it belongs under [[hedge]]"),
        ("rate = 0.024", "zzz = 0.024", "zzz", "unknown key 'zzz'", "remove it"),
        ("correlation = 0.99", "correlation = 99", "correlation", "99", "it is a decimal, not percent: write 0.99 if you mean 99 %"),
        ("correlation = 0.99", "correlation = 0", "correlation", "0", "correct it"),
        ("hard = 120_000", "hard = 0", "hard", "0", "correct it"),
        ("hard = 120_000", "hard = -120", "hard", "-120", "correct it"),
        ("hard = 120_000", "hard = inf", "hard", "Infinity", "write a finite number"),
        ("hard = 120_000", "hard = nan", "hard", "NaN", "write a finite number"),
        ("hard = 120_000", "hard = 1e400", "hard", "1E+400", "write a finite number"),
        ("hard = 120_000", "hard = 1" + "0" * 400, "hard", "a number of very many digits", "write a finite number"),
        ("hard = 120_000", "", "hard", "nothing", "add it: where the desk must stop"),
        ("hard = 120_000", "limit_hard = 1\nhard = 2", "limit_hard", "unknown key 'limit_hard'", "did you mean hard?"),
        ("hard = 4000", "hard = 4000.5", "hard", "4000.5", "round it"),
        ('"vega_usd_per_point"', '"vega_usd"', "measure", "'vega_usd'", "did you mean vega_usd_per_point?"),
        ('"vega_usd_per_point"', '"gap_loss_usd"', "bucket", "bucket in a limit of gap_loss_usd", "remove it"),
        ('bucket = "1m"', 'bucket = "1mo"', "bucket", "'1mo'", "did you mean 1m?"),
        ('option_class = "SPXW"', "", "option_class", "nothing", 'add it, as option_class = "SPXW"'),
        ('symbol = "ESM19"', 'symbol = ""', "symbol", "''", "it must not be empty: the contract as its venue calls it"),
        ('symbol = "ESM19"', "symbol = 5", "symbol", "5", "put it in quotes"),
        ('name = "index desk"', 'name = " x "', "name", "' x '", "remove spaces around it and control characters, and keep it within 200 characters"),
        ('kind = "future"', 'kind = "futures"', "kind", "'futures'", "did you mean future?"),
        ('kind = "future"', 'kind = "share"', "expiry", "an expiry", "remove it"),
        ('currency = "BTC"', "", "currency", "'USD'", 'add currency = "BTC", or write kind = "future"'),
        ("tick = 0.25", "tick = 0.3333333333", "tick", "tick 0.3333333333", "write the venue's step"),
        ("lot = 2", "lot = 2.5", "lot", "2.5", "write it without a fraction"),
        ("lot = 2", "lot = 0", "lot", "0", "correct it"),
        ("2019-06-21T09:30:00-04:00", "2019-06-21", "expiry", "date 2019-06-21", "an expiry is an instant: add the time of day and the zone"),
        ("2019-06-21T09:30:00-04:00", "2019-06-21T09:30:00", "expiry", "datetime 2019-06-21 09:30:00", "add the zone: Z for UTC, or an offset as -05:00"),
        ("2019-06-21T09:30:00-04:00", "0001-01-01T00:00:00+14:00", "expiry", "datetime 0001-01-01 00:00:00+14:00", "choose a year from 1970 to 2261"),
        ("2019-06-21T09:30:00-04:00", '"June"', "expiry", "'June'", "write it like the example"),
        ("2019-06-21T09:30:00-04:00", "190621", "expiry", "190621", "write it like the example, without quotes"),
        ("size = 20", "size = 20\nsize_min = 21", "size", "size 20 below size_min 21", "raise size"),
        ("size = 20", "half_spread_min = 3", "half_spread_min", "twice 3, wider than width_max 5", "lower half_spread_min or raise width_max"),
        ("risk_aversion_per_usd = 2e-7", "risk_aversion_per_usd = 1", "risk_aversion_per_usd", "1", "correct it"),
        ("risk_aversion_per_usd = 2e-7", "", "risk_aversion_per_usd", "nothing", "add it: absolute risk aversion: what a variance of 1 USD squared costs, times two"),
    ],
)  # fmt: skip
def test_each_fault_names_its_key_and_what_to_do(old, new, key, found, action):
    fault = only_fault(old, new)

    assert (key, found, action) == (fault.where.split(" ")[-1], fault.found, fault.action)
    assert fault.expected


def test_a_concentration_in_decimals_is_a_percent_mistake():
    (fault,) = faults_of(VALID + '\n[[limit]]\nmeasure = "concentration_pct"\nhard = 0.6\n')

    assert fault.action == "write 60 if you mean 60 %"


@pytest.mark.parametrize("old", ["rate = 0.024", "tick = 0.5", "hard = 4000\n", 'bucket = "1m"'])
def test_a_fault_stands_on_the_line_of_its_key(old):
    key = old.split(" ")[0]
    fault = only_fault(old, f"{key} = false\n")

    assert fault.where.startswith(f"desk.toml line {line_of(old)}, ")


@pytest.mark.parametrize(
    ("more", "found", "first"),
    [
        ('[[underlying]]\nsymbol = "SPX"\n', "'SPX' again", "[[underlying]]"),
        (
            '[[hedge]]\nsymbol = "ESM19"\nkind = "share"\nunderlying = "X"\nmultiplier = 1\ntick = 1\nspread = 1\n',
            "'ESM19' again",
            "[[hedge]]",
        ),
        (
            '[[limit]]\nmeasure = "vega_usd_per_point"\nunderlying = "SPX"\nbucket = "1m"\nhard = 5\n',
            "'vega_usd_per_point SPX 1m' again",
            "[[limit]]",
        ),
    ],
)
def test_what_stands_twice_is_told_with_both_lines(more, found, first):
    (fault,) = faults_of(VALID + "\n" + more)

    assert fault.found == found
    assert fault.expected == f"it once; it stands on line {line_of(first)} already"
    assert fault.where.startswith(f"desk.toml line {VALID.count(chr(10)) + 2}, {first}")


def test_a_class_is_bounded_once_whether_or_not_its_underlying_is_named():
    more = '\n[[limit]]\nmeasure = "class_contracts"\nunderlying = "SPX"\noption_class = "SPXW"\nhard = 5\n'

    assert faults_of(VALID + more)[0].found == "'class_contracts SPXW' again"


@pytest.mark.parametrize(
    ("text", "found", "action"),
    [
        ("[[limits]]\nhard = 1\n", "unknown section 'limits'", "did you mean [[limit]]?"),
        ("tick = 1\n", "unknown section 'tick'", "put it under [[hedge]]"),
        ("[weather]\n", "unknown section 'weather'", "remove it"),
        ("[limit]\nhard = 1\n", "a table", "write [[limit]] on a line of its own, and its keys below"),
        ("limit = 5\n", "5", "write [[limit]] on a line of its own, and its keys below"),
        ("quoting = 5\n", "5", "write [quoting] on a line of its own, and its keys below"),
    ],
)
def test_sections_that_are_none_are_told(text, found, action):
    (fault,) = faults_of(text + "[desk]\nrisk_aversion_per_usd = 1e-6\n")

    assert (fault.found, fault.action) == (found, action)
    assert fault.where.startswith("desk.toml line 1, ")


def test_a_file_without_a_desk_is_told():
    (fault,) = faults_of("")

    assert (fault.where, fault.found, fault.expected) == ("desk.toml, desk", "nothing", "a section [desk]")


def test_five_faults_in_one_file_are_told_at_once_in_the_order_of_the_file():
    text = (
        VALID.replace("risk_aversion_per_usd = 2e-7", "risk_aversion_per_usd = -1")
        .replace("rate = 0.024", "rate = 5")
        .replace("tick = 0.25", "tik = 0.25")
        .replace("hard = 120_000", "hard = nan")
        .replace("size = 20", "size = 0")
    )

    places = [fault.where.split(", ")[1] for fault in faults_of(text)]

    assert places == [
        "[desk] risk_aversion_per_usd",
        "[[underlying]] 1 rate",
        "[[hedge]] 1 tick",
        "[[hedge]] 1 tik",
        "[[limit]] 1 hard",
        "[quoting] size",
    ]


@pytest.mark.parametrize(
    ("raw", "where", "found"),
    [
        (b"[desk]\nname = \n", "desk.toml line 2, column 8", "Invalid value"),
        (b"[desk]\nname = 1\nname = 2\n", "desk.toml line 3, column 9", "Cannot overwrite a value"),
        (b"[desk]\nname = '\xff'\n", "desk.toml line 2", "a byte 0xff that is not UTF-8"),
        (b"a = " + b"[" * 100_000, "desk.toml", "maximum recursion depth exceeded"),
        (b"a = " + b"9" * 5_000, "desk.toml", "Exceeds the limit (4300 digits)"),
        (b"#" * (LARGEST_BYTES + 1), "desk.toml", "more than 1048576 bytes"),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(raw, where, found):
    with pytest.raises(FaultsError) as raised:
        parse_desk(raw, "desk.toml")

    (fault,) = raised.value.faults
    assert fault.where == where
    assert fault.found.startswith(found)


@pytest.mark.parametrize("name", ["nowhere.toml", "."])
def test_a_file_that_cannot_be_read_is_told(tmp_path, name):
    with pytest.raises(FaultsError, match="expected a readable TOML file"):
        read_desk(tmp_path / name)


def test_names_that_the_market_does_not_know_are_told():
    faults = check_desk_against(parsed(VALID), {"SPXX", "BTC"}, {"SPX"})

    told = [(fault.where.split(", ")[1], fault.found, fault.action) for fault in faults]
    assert told == [
        ("[desk] index", "'SPX'", "did you mean SPXX?"),
        ("[[underlying]] 1 symbol", "'SPX'", "did you mean SPXX?"),
        ("[[hedge]] 1 underlying", "'SPX'", "did you mean SPXX?"),
        ("[[limit]] 1 underlying", "'SPX'", "did you mean SPXX?"),
        ("[[limit]] 2 option_class", "'SPXW'", "did you mean SPX?"),
    ]
    assert faults[-1].where.startswith(f"desk.toml line {line_of('option_class = ')}, ")


def test_a_market_that_has_every_name_has_no_fault():
    assert check_desk_against(parsed(VALID), {"SPX", "BTC"}, {"SPXW"}) == []


def test_the_hash_stands_for_the_very_bytes():
    assert len(desk_text_hash(b"")) == 64
    assert desk_text_hash(b"a = 1") != desk_text_hash(b"a = 1\n")
