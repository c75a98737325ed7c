"""SPAN files: our pricer's arrays through CSV and XML and back, and files with something wrong."""

import gzip
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.margin.span_samples import legs_of, parameters_of

from flatbook.adapters.files.faults import FaultList
from flatbook.adapters.span_file.commodities import minima_in
from flatbook.adapters.span_file.csv import read_span_csv, write_span_csv
from flatbook.adapters.span_file.nodes import TreeReader
from flatbook.adapters.span_file.periods import band_of, expiry_years, years_of
from flatbook.adapters.span_file.xml import read_span_xml
from flatbook.margin.legs import LegKind, Legs
from flatbook.margin.requirement import AccountRequirement
from flatbook.margin.span import capital
from flatbook.margin.span_arrays import SpanContracts, contracts_of
from flatbook.margin.span_match import SpanFile
from flatbook.margin.span_parameters import (
    InterSpread,
    IntraSpread,
    ScanRanges,
    ShortOptionMethod,
    Side,
    SpanCommodity,
    SpanParameters,
    SpanTier,
    SpotCharge,
    SpreadLeg,
)
from flatbook.model.errors import FaultsError

DAY = "20240115"
NEAR, FAR = 29 / 365, 57 / 365  # 13 February and 12 March
HALF = 0.5 / 365


def _parameters(**changed: object) -> SpanParameters:
    """Two commodities with every table there is."""
    ranges = ScanRanges(price_scan_points=5.0, vol_scan=0.25, short_option_minimum=150.0)
    legs = (SpreadLeg(side=Side.A, tier=1), SpreadLeg(side=Side.B, tier=2))
    tiers = (
        SpanTier(number=1, from_years=17 / 365 - HALF, to_years=45 / 365 + HALF),
        SpanTier(number=2, from_years=46 / 365 - HALF, to_years=76 / 365 + HALF),
    )
    crude = SpanCommodity(
        name="CL",
        ranges=ranges,
        short_option_method=ShortOptionMethod.MAX,
        tiers=tiers,
        spreads=(IntraSpread(priority=1, charge=250.0, legs=legs),),
        spot_charges=(SpotCharge(from_years=NEAR - HALF, to_years=NEAR + HALF, outright=40.0, spread=15.0),),
    )
    oil = SpanCommodity(name="HO", ranges=ScanRanges(price_scan_points=8.0, vol_scan=0.3))
    between = (SpreadLeg(side=Side.A, combined="CL", ratio=2.0), SpreadLeg(side=Side.B, combined="HO"))
    spreads = (InterSpread(priority=1, rate=0.7, legs=between),)
    return parameters_of(crude, oil, inter_spreads=spreads, **changed)


def _legs() -> Legs:
    return legs_of(
        {"years": NEAR, "quantity": 4.0},
        {"years": FAR, "quantity": -1.0, "underlying_price": 76.0},
        {"years": NEAR, "kind": LegKind.CALL, "strike": 80.0, "vol": 0.35, "quantity": -3.0},
        {"years": NEAR, "kind": LegKind.PUT, "strike": 65.0, "vol": 0.4, "quantity": -2.0},
        {"underlying": "HO", "years": NEAR, "underlying_price": 90.0, "quantity": -1.0, "multiplier": 420.0},
    )


def _same(one: AccountRequirement, other: AccountRequirement) -> None:
    assert one.requirement == pytest.approx(other.requirement, rel=1e-12)
    assert one.maintenance == pytest.approx(other.maintenance, rel=1e-12)
    np.testing.assert_allclose(one.marginal_buy, other.marginal_buy, rtol=1e-9, atol=1e-8)
    np.testing.assert_allclose(one.marginal_sell, other.marginal_sell, rtol=1e-9, atol=1e-8)


def _bare(legs: Legs) -> Legs:
    """The legs without marks: a file needs none."""
    nothing = np.full(len(legs), np.nan)
    fields = {name: getattr(legs, name) for name in legs.__slots__}
    return Legs(**{**fields, "price": nothing, "vol": nothing})


def test_pricer_to_csv_and_back_is_the_same_requirement(tmp_path: Path) -> None:
    parameters, legs = _parameters(), _legs()
    path = tmp_path / "arrays.csv"
    contracts = contracts_of(legs, parameters).contracts
    write_span_csv(path, contracts)
    file = read_span_csv(path)
    for name in (
        "loss",
        "delta",
        "value",
        "strike",
        "years",
        "month_years",
        "multiplier",
        "short_minimum",
        "kind",
    ):
        np.testing.assert_array_equal(getattr(file.contracts, name), getattr(contracts, name))
    assert file.contracts.premium_style.all()
    _same(capital(_bare(legs), parameters, file), capital(legs, parameters))


def _contract(contracts: SpanContracts, row: int, words: str, undone: float) -> str:
    losses = "".join(f"<a>{loss!r}</a>" for loss in contracts.loss[row].tolist())
    return f"{words}<ra><r>1</r>{losses}<d>{float(contracts.delta[row]) / undone!r}</d></ra>"


def _xml(contracts: SpanContracts) -> str:
    """A small file of the layout, with the arrays of `_legs`; the far month's deltas carry a scale of 2."""
    price = contracts.value / 1000.0
    fut = "<fut><cId>{}</cId><pe>{}</pe><p>75</p>{}</fut>"
    near = _contract(contracts, 0, "", 1.0)
    far = _contract(contracts, 1, "<sc>2.0</sc>", 2.0)
    opt = "<opt><cId>{}</cId><o>{}</o><k>{}</k><p>{!r}</p>{}</opt>"
    call = opt.format(1, "C", "80.00", price[2].item(), _contract(contracts, 2, "", 1.0))
    put = opt.format(2, "P", "65.0", price[3].item(), _contract(contracts, 3, "", 1.0))
    heating = _contract(contracts, 4, "", 1.0)
    return f"""<?xml version="1.0"?>
<spanFile><fileFormat>4.00</fileFormat><created>202401152100</created>
<definitions><currencyDef><currency>USD</currency></currencyDef></definitions>
<pointInTime><date>{DAY}</date><isSetl>1</isSetl>
<clearingOrg><ec>EXAMPLE</ec>
<ccDef><cc>CL</cc><name>Crude</name><currency>USD</currency><somMeth>MAX</somMeth>
<pfLink><pfId>1</pfId><pfCode>CL</pfCode><pfType>FUT</pfType></pfLink>
<pfLink><pfId>2</pfId><pfCode>LO</pfCode><pfType>OOF</pfType></pfLink>
<intraTiers>
<tier><tn>1</tn><sPe>202402</sPe><ePe>202402</ePe></tier>
<tier><tn>2</tn><sPe>20240301</sPe><ePe>20240331</ePe></tier>
</intraTiers>
<interTiers><tier><tn>0</tn></tier></interTiers>
<somTiers><tier><tn>0</tn><rate><r>1</r><val>150.0</val></rate></tier></somTiers>
<spotRate><r>1</r><pe>20240213</pe><sprd>15</sprd><outr>40</outr></spotRate>
<spotRate><r>2</r><pe>20240213</pe><sprd>99</sprd><outr>99</outr></spotRate>
<dSpread><spread>1</spread><chargeMeth>F</chargeMeth><rate><r>1</r><val>250</val></rate>
<tLeg><cc>CL</cc><tn>1</tn><rs>A</rs><i>1.0</i></tLeg><tLeg><cc>CL</cc><tn>2</tn><rs>B</rs><i>1.0</i></tLeg></dSpread>
</ccDef>
<ccDef><cc>HO</cc><name>Oil</name><currency>USD</currency><somMeth>GROSS</somMeth>
<pfLink><pfId>3</pfId><pfCode>HO</pfCode><pfType>FUT</pfType></pfLink></ccDef>
<interSpreads><dSpread><spread>1</spread><chargeMeth>W</chargeMeth><rate><r>1</r><val>0.7</val></rate>
<tLeg><cc>CL</cc><tn>0</tn><rs>A</rs><i>2</i></tLeg><tLeg><cc>HO</cc><tn>0</tn><rs>B</rs><i>1</i></tLeg></dSpread>
<sSpread><spread>9</spread></sSpread></interSpreads>
<exchange><exch>EX</exch>
<futPf><pfId>1</pfId><pfCode>CL</pfCode><cvf>1000</cvf><valueMeth>FUT</valueMeth>
{fut.format(11, "20240213", near)}
{fut.format(12, "20240312", far)}
</futPf>
<oofPf><pfId>2</pfId><pfCode>LO</pfCode><cvf>1000</cvf><valueMeth>EQTY</valueMeth>
<series><pe>202402</pe><setlDate>20240213</setlDate><undC><exch>EX</exch><pfId>1</pfId><cId>11</cId></undC>
{call}
{put}
</series></oofPf>
<futPf><pfId>3</pfId><pfCode>HO</pfCode><cvf>420</cvf><valueMeth>FUT</valueMeth>
{fut.format(31, "20240213", heating)}
</futPf>
</exchange></clearingOrg></pointInTime></spanFile>
"""


@pytest.fixture(scope="module")
def written() -> str:
    """The text of the small file."""
    return _xml(contracts_of(_legs(), _parameters()).contracts)


def _read(tmp_path: Path, text: str, wanted: tuple[str, ...] = ()) -> SpanFile:
    path = tmp_path / "house.spn"
    path.write_text(text)
    return read_span_xml(path, wanted)


def test_pricer_to_xml_and_back_is_the_same_requirement(tmp_path: Path, written: str) -> None:
    """The file brings its own tables: the parameters beside it have none."""
    legs = _legs()
    file = _read(tmp_path, written)
    found = capital(_bare(legs), parameters_of(), file)
    priced = capital(legs, _parameters())
    _same(found, priced)
    told = found.found["commodities"][0]
    assert told["intra_commodity_charge"] > 0.0
    assert told["delivery_charge"] > 0.0
    assert told["inter_commodity_credit"] > 0.0
    assert told["short_option_minimum"] == 3 * 150.0
    assert any("scanning spreads" in note for note in found.notes)
    assert file.commodities[0].tiers[0].to_years == pytest.approx(45.5 / 365)


def test_only_what_is_wanted_is_read(tmp_path: Path, written: str) -> None:
    whole = _read(tmp_path, written)
    assert len(whole.contracts) == 5
    for wanted in (("HO",), ("LO", "nothing")):
        some = _read(tmp_path, written, wanted)
        assert set(some.contracts.combined) == {"HO" if wanted == ("HO",) else "CL"}
        assert some.inter_spreads == ()
    with pytest.raises(FaultsError, match="no contract with a risk array of ZZ"):
        _read(tmp_path, written, ("ZZ",))


def test_a_gzipped_file_and_a_leg_of_another_size(tmp_path: Path, written: str) -> None:
    """A contract of a tenth of the file's size needs a tenth."""
    path = tmp_path / "house.spn.gz"
    path.write_bytes(gzip.compress(written.encode()))
    file = read_span_xml(path)
    whole = capital(legs_of({"years": NEAR, "quantity": 1.0}), parameters_of(), file)
    tenth = capital(legs_of({"years": NEAR, "quantity": 1.0, "multiplier": 100.0}), parameters_of(), file)
    assert tenth.requirement == pytest.approx(whole.requirement / 10.0)
    assert whole.requirement == pytest.approx(5000.0 + 40.0)


@pytest.mark.parametrize(
    "row",
    [
        {"years": FAR + 5 / 365},
        {"years": NEAR, "kind": LegKind.CALL, "strike": 81.0},
        {"years": NEAR, "underlying": "NG"},
        {"kind": LegKind.STOCK, "multiplier": 1.0},
    ],
)
def test_a_leg_that_the_file_does_not_hold_is_named(
    tmp_path: Path, written: str, row: dict[str, object]
) -> None:
    with pytest.raises(FaultsError, match=r"book\.csv line 3.*not in house\.spn"):
        capital(legs_of({"years": NEAR}, row), parameters_of(), _read(tmp_path, written))


def _line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("<a>5000.0</a>", "", "15 values"),
        ("<a>5000.0</a>", "<a></a>", "nothing as value"),
        ("<a>5000.0</a>", "<a>nan</a>", "'nan' as value"),
        ("<a>5000.0</a>", "<a>5000.0</a><a>1</a>", "17 values"),
        ("<o>C</o>", "<o>X</o>", "element o: found 'X'"),
        ("<k>80.00</k>", "<k>x</k>", "element k: found 'x'"),
        ("<cvf>420</cvf>", "<cvf>0</cvf>", "element cvf"),
        ("<pe>20240312</pe>", "<pe>tomorrow</pe>", "element pe"),
        ("<chargeMeth>F</chargeMeth>", "<chargeMeth>P</chargeMeth>", "dSpread/chargeMeth"),
        ("<val>250</val>", "<val>-250</val>", "charge must be 0 or above"),
        ("<val>0.7</val>", "<val>70</val>", "rate must be a share"),
        ("<tn>2</tn><rs>B</rs>", "<tn>7</tn><rs>B</rs>", "no tier 7"),
        ("<rs>A</rs>", "<rs>C</rs>", "Leg/rs"),
        ("<ePe>202402</ePe>", "<ePe>soon</ePe>", "tier/sPe"),
        ("<fileFormat>4.00</fileFormat>", "<fileFormat>3.00</fileFormat>", "format '3.00'"),
        (f"<date>{DAY}</date>", "<date>today</date>", "pointInTime/date"),
        ("</clearingOrg>", "</clearing>", "mismatched tag"),
    ],
)
def test_a_malformed_xml_file_is_refused_by_line_and_element(
    tmp_path: Path, written: str, old: str, new: str, said: str
) -> None:
    assert old in written
    with pytest.raises(FaultsError) as caught:
        _read(tmp_path, written.replace(old, new, 1))
    message = str(caught.value)
    assert said in message
    assert "house.spn line " in message


def test_a_wrong_array_names_its_line(tmp_path: Path, written: str) -> None:
    text = written.replace("<a>5000.0</a>", "<a>much</a>", 1)
    with pytest.raises(FaultsError, match=f"line {_line_of(text, '<a>much')} element fut/ra"):
        _read(tmp_path, text)


def test_a_document_type_declaration_is_refused_before_its_entities(tmp_path: Path) -> None:
    """The billion laughs: each entity ten of the one before."""
    bomb = '<!DOCTYPE spanFile [<!ENTITY a0 "ha">' + "".join(
        f'<!ENTITY a{number} "{f"&a{number - 1};" * 10}">' for number in range(1, 12)
    )
    with pytest.raises(FaultsError, match=r"house\.spn line 2.*document type declaration"):
        _read(tmp_path, f'<?xml version="1.0"?>\n{bomb}]><spanFile>&a11;</spanFile>')


def test_an_element_inside_an_array_value_is_refused(tmp_path: Path, written: str) -> None:
    with pytest.raises(FaultsError, match="inside an array value"):
        _read(tmp_path, written.replace("<a>5000.0</a>", "<a>50<a>00.0</a></a>", 1))


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(0, 40), st.text("<>/a9.-&;\u00b2é", max_size=6))
def test_damaged_files_are_faults_and_nothing_else(tmp_path_factory, written, at, length, put) -> None:
    """A part of the file replaced by something else is still a file, or a fault."""
    at %= len(written)
    path = tmp_path_factory.getbasetemp() / "damaged.spn"
    path.write_text(written[:at] + put + written[at + length :], encoding="utf-8")
    told = "damaged.spn"
    try:
        assert np.isfinite(read_span_xml(path).contracts.loss).all()
    except FaultsError as error:
        told = str(error)
    assert "damaged.spn" in told


def test_legs_of_one_contract_of_a_file_are_held_net_whatever_their_marks(
    tmp_path: Path, written: str
) -> None:
    call = {"years": NEAR, "kind": LegKind.CALL, "strike": 80.0}
    file = _read(tmp_path, written)
    legs = legs_of({**call, "price": 1.0, "quantity": 2.0}, {**call, "price": 1.5, "quantity": -2.0})
    assert capital(legs, parameters_of(), file).requirement == 0.0


def test_a_missing_file_and_an_empty_one_are_faults(tmp_path: Path) -> None:
    for read in (read_span_xml, read_span_csv):
        with pytest.raises(FaultsError, match=r"none\.csv"):
            read(tmp_path / "none.csv")
        (tmp_path / "empty.csv").write_text("")
        with pytest.raises(FaultsError, match=r"empty\.csv"):
            read(tmp_path / "empty.csv")


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("loss_7", "", "column loss_7: found nothing"),
        ("loss_7", "nan", "column loss_7: found 'nan'"),
        ("right", "straddle", "column right"),
        ("strike", "", "column strike: found nothing"),
        ("value", "-1", "column value"),
        ("multiplier", "0", "column multiplier"),
        ("style", "other", "column style"),
        ("delta", "x", "column delta"),
        ("underlying", "", "column underlying"),
        ("years", "-0.1", "column years"),
    ],
)
def test_a_malformed_csv_cell_is_named_by_row(tmp_path: Path, column: str, cell: str, said: str) -> None:
    path = tmp_path / "arrays.csv"
    write_span_csv(path, contracts_of(_legs(), _parameters()).contracts)
    lines = path.read_text().splitlines()
    header = lines[0].split(",")
    cells = lines[3].split(",")
    cells[header.index(column)] = cell
    path.write_text("\n".join([*lines[:3], ",".join(cells), *lines[4:]]) + "\n")
    with pytest.raises(FaultsError) as caught:
        read_span_csv(path)
    assert f"arrays.csv line 4 {said}" in str(caught.value)


def test_a_csv_without_its_sixteenth_column_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "arrays.csv"
    write_span_csv(path, contracts_of(_legs(), _parameters()).contracts)
    path.write_text("\n".join(line.rpartition(",")[0] for line in path.read_text().splitlines()) + "\n")
    with pytest.raises(FaultsError, match="also loss_16"):
        read_span_csv(path)


def test_periods() -> None:
    day = date(2024, 1, 15)
    assert years_of("20240116", day) == pytest.approx(1 / 365)
    assert years_of("202402", day) == years_of("20240200", day) == pytest.approx(31 / 365)
    assert years_of("20240230", day) is None
    assert years_of("00000000", day) is None
    assert band_of("202402", "202402", day) == pytest.approx((16.5 / 365, 45.5 / 365))
    assert expiry_years({"pe": "202402", "t": "0.08"}, day) == 0.08
    assert expiry_years({"pe": "202402"}, day) is None


def test_minima_by_tier() -> None:
    text = (
        b"<ccDef><somTiers><tier><tn>1</tn><sPe>202401</sPe><ePe>202402</ePe><rate><val>5</val></rate></tier>"
        b"<tier><tn>2</tn><sPe>202403</sPe><ePe>202412</ePe><rate><val>3</val></rate></tier></somTiers></ccDef>"
    )
    faults = FaultList("x")
    minima = minima_in(TreeReader("x", faults).read(text), date(2024, 1, 15), "x", faults)
    assert [minima.at(days / 365) for days in (10, 60, 500)] == [5.0, 3.0, 0.0]


def test_a_contract_that_stands_twice_is_a_fault_and_two_sizes_must_agree(tmp_path: Path) -> None:
    """Which row comes first must not set the requirement."""
    parameters, legs = _parameters(), _legs()
    path = tmp_path / "arrays.csv"
    write_span_csv(path, contracts_of(legs, parameters).contracts)
    head, first, *others = path.read_text().splitlines()
    names = head.split(",")
    cells = dict(zip(names, first.split(","), strict=True))
    for again in ({}, {"loss_1": "123.0"}, {"delta": "0.25"}):
        row = ",".join((cells | again).values())
        path.write_text("\n".join((head, first, *others, row)) + "\n")
        with pytest.raises(FaultsError) as error:
            read_span_csv(path)
        (fault,) = error.value.faults
        assert fault.where == f"arrays.csv line {len(others) + 3} column underlying"
        assert fault.found.endswith("again (first on line 2)")
    scaled = ("multiplier", "value", "delta", "short_minimum", *(f"loss_{at}" for at in range(1, 17)))
    half = cells | {name: repr(0.5 * float(cells[name])) for name in scaled}
    path.write_text("\n".join((head, first, *others, ",".join(half.values()))) + "\n")
    _same(capital(_bare(legs), parameters, read_span_csv(path)), capital(legs, parameters))
    other = half | {"loss_1": repr(float(half["loss_1"]) + 50.0)}
    path.write_text("\n".join((head, first, *others, ",".join(other.values()))) + "\n")
    with pytest.raises(FaultsError, match=r"2 contracts of arrays\.csv with different numbers"):
        capital(_bare(legs), parameters, read_span_csv(path))
