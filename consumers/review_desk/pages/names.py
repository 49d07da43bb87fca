"""People by name: the register is asked once for each account that a page shows."""

from collections.abc import Iterable

from consumers.review_desk.people.staff_register import StaffRegister


class Names:
    """The names of the accounts that one page shows. `learn` asks the database, so off the event loop."""

    def __init__(self, register: StaffRegister) -> None:
        """Know nobody yet."""
        self._register = register
        self._known: dict[str, str] = {}

    def learn(self, accounts: Iterable[str | None]) -> None:
        """Ask for the names of those not known yet."""
        for account in {one for one in accounts if one} - self._known.keys():
            person = self._register.person(account)
            self._known[account] = account if person is None else person.name

    def of(self, account: str | None) -> str:
        """Somebody's name; the account of one whom the register does not know; a dash for nobody."""
        return self._known.get(account, account) if account else "—"
