"""The option offset of a measured book: the same question whether it is the book we hold or one that we think of."""

from dataclasses import dataclass, replace

from flatbook.engine.measure import Basis, Measurement
from flatbook.hedging.offset_candidates import OffsetBook, OffsetQuestion, answered, offset_question
from flatbook.hedging.offset_menu import OffsetMenuLine, offset_menu
from flatbook.hedging.offset_plan import OffsetPlan
from flatbook.hedging.offset_problem import OffsetProblem
from flatbook.limits.check import Standing
from flatbook.model.table import Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Offset:
    """What options, underlying and proxies together would do."""

    underlyings: tuple[str, ...]  # whose instruments it may trade
    question: OffsetQuestion
    problem: OffsetProblem  # that the plan answers: with every row that an earlier plan would have broken
    plan: OffsetPlan
    menu: tuple[OffsetMenuLine, ...]  # each candidate by itself, the most risk removed per USD first


def offset_book(held: Measurement, standing: Standing, basis: Basis) -> OffsetBook:
    """A measured book as the offset reads it."""
    return OffsetBook(
        quantity=held.quantity,
        values=basis.values,
        market=basis.market,
        desk=basis.desk,
        factors=basis.factors,
        exposure=held.factors,
        covariance=basis.covariance,
        standing=standing,
        slides=held.slides,
        capital=held.capital,
        spot_vol=basis.spot_vol,
    )


def offset_of(
    held: Measurement,
    standing: Standing,
    basis: Basis,
    underlyings: tuple[str, ...],
    curvature: Floats | None = None,
) -> Offset:
    """The plan of least cost, risk and breach, and the menu.

    Parameters
    ----------
    held, standing, basis
        Of the book.
    underlyings : tuple of str
        Whose options and hedge instruments may be traded.
    curvature : float64[F, F], optional
        A of the value function, where expected flow takes inventory back; aversion / 2 times the covariance without it.
    """
    book = offset_book(held, standing, basis)
    if curvature is not None:
        kept = replace(basis.covariance, matrix=2.0 / basis.desk.appetite.aversion_per_usd * curvature)
        book = replace(book, covariance=kept)
    question = offset_question(book, underlyings, basis.desk.offsets)
    plan, problem = answered(question)
    return Offset(
        underlyings=underlyings, question=question, problem=problem, plan=plan, menu=offset_menu(problem)
    )
