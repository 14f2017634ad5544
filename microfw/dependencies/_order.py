"""The order of setup: that of the declarations (rule O1), but for what must wait.

Rules
-----
1. A step runs after all that it uses.
2. What opens in scope "function" waits until all is open that opens in scope "request" (rule O4).
3. The block of a dependency of scope "use" opens directly before the first step that uses its value
   and ends with the last. Inside of it nothing of a wider scope can open, for that would have to
   close with it. So what opens in a wider scope waits until all blocks have ended that have begun;
   and a block begins when all is open that one of its users needs (rule S8).
4. Of the steps that may run, the first in the order of the declarations does.

Theory of operation: steps are numbered as declared. Blocks that are used are left aside first. The
other steps are sorted; then each block is put before the first step that uses it. Blocks that share
a user are one group, with all that use them: it waits as a whole for what opens in a wider scope.
What each group needs of that is a set of bits, one for each step that opens there.
"""

from collections.abc import Iterable
from heapq import heappop, heappush

from microfw.dependencies._declared import Lifetime
from microfw.dependencies._walk import StepNode
from microfw.exceptions import ScopeError


def in_order_of_setup(nodes: list[StepNode]) -> list[StepNode]:
    """Sort steps, the last of which is the endpoint; note where the blocks of scope "use" end.

    Raises:
        ScopeError: One of scope "use" would have to be open while one of a wider scope opens.
    """
    return _Order(nodes).with_blocks()


class _Order:
    """The order of some steps, by their numbers in that of the declarations."""

    def __init__(self, nodes: list[StepNode]) -> None:
        self._nodes = nodes
        self._endpoint = len(nodes) - 1
        self._numbers = {id(node): number for number, node in enumerate(nodes)}
        known = self._numbers
        self._uses = [[known[id(used)] for _, used in n.uses if id(used) in known] for n in nodes]
        opening = [number for number, node in enumerate(nodes[:-1]) if node.signature.yields]
        self._wide = [each for each in opening if nodes[each].lifetime is not Lifetime.USE]
        self._bits = {number: 1 << place for place, number in enumerate(self._wide)}
        self._users = self._users_of([each for each in opening if each not in self._bits])
        self._groups = self._grouped()
        self._needs = self._found_needs() if self._groups else {}
        for number in self._wide:
            if self._needs.get(number, 0) & self._bits[number]:
                raise self._too_far_apart(number)

    def with_blocks(self) -> list[StepNode]:
        """All steps: each block opens directly before the first that uses it.

        Of those that open in one place, the one that is used longest is the outermost. One that
        opens inside of another one ends inside of it, and keeps it open as long.
        """
        order = self._sorted()
        first, last = self._spans({number: place for place, number in enumerate(order)})
        opening: dict[int, list[int]] = {}
        for block in self._users:
            opening.setdefault(first[block], []).append(block)
        result: list[StepNode] = []
        around: list[int] = []
        for place, number in enumerate(order):
            for block in sorted(opening.get(place, ()), key=lambda each: (-last[each], each)):
                for outer in around:
                    last[outer] = max(last[outer], last[block])
                around.append(block)
                result.append(self._nodes[block])
            result.append(self._nodes[number])
            around = [block for block in around if last[block] > place]
        for block in self._users:
            self._nodes[block].last_inside = self._nodes[order[last[block]]]
        return result

    def _spans(self, places: dict[int, int]) -> tuple[dict[int, int], dict[int, int]]:
        """Where each block is first used, and where last, be it by one inside of it."""
        first, last = dict(places), dict(places)
        for block in reversed(self._users):  # those inside of it stand behind it
            first[block] = min(first[user] for user in self._users[block])
            last[block] = max(last[user] for user in self._users[block])
        return first, last

    def _sorted(self) -> list[int]:
        """The steps that are no blocks, in the order in which they run."""
        waits = self._waits()
        followers: dict[int, list[int]] = {number: [] for number in waits}
        for number, others in waits.items():
            for other in others:
                followers[other].append(number)
        left = {number: len(others) for number, others in waits.items()}
        ready = [number for number, count in left.items() if not count]
        pending = self._unfinished_groups(waits)
        begun: set[int] = set()
        waiting: list[int] = []
        order: list[int] = []
        while ready:
            number = heappop(ready)
            if begun and number in self._bits:
                waiting.append(number)
                continue
            order.append(number)
            group = self._groups.get(number)
            if group is not None:
                pending[group] -= 1
                (begun.add if pending[group] else begun.discard)(group)
            for follower in followers[number]:
                left[follower] -= 1
                if not left[follower]:
                    heappush(ready, follower)
            if not begun:
                while waiting:
                    heappush(ready, waiting.pop())
        return order

    def _unfinished_groups(self, sorted_ones: Iterable[int]) -> dict[int, int]:
        """How many of the steps that are sorted each group has."""
        count: dict[int, int] = {}
        for number in sorted_ones:
            if number in self._groups:
                count[self._groups[number]] = count.get(self._groups[number], 0) + 1
        return count

    def _waits(self) -> dict[int, set[int]]:
        """What each of the steps that are sorted waits for; the endpoint for all others."""
        below: list[set[int]] = []
        for uses in self._uses:
            direct = {used for used in uses if used not in self._users}
            below.append(direct.union(*(below[used] for used in uses if used in self._users)))
        request = {n for n in self._wide if self._nodes[n].lifetime is Lifetime.REQUEST}
        waits = {n: each for n, each in enumerate(below) if n not in self._users}
        for number in waits:
            if number in self._bits and number not in request:
                waits[number] |= request
            if number in self._groups:
                needs = self._needs[self._groups[number]]
                waits[number] |= {wide for wide in self._wide if needs & self._bits[wide]}
        waits[self._endpoint] = waits.keys() - {self._endpoint}
        return waits

    def _users_of(self, blocks: list[int]) -> dict[int, list[int]]:
        """Which steps use the value of each block that is used, in order."""
        users: dict[int, list[int]] = {block: [] for block in blocks}
        for number, node in enumerate(self._nodes):
            for parameter, used in node.uses:
                block = self._numbers.get(id(used), -1)  # those of scope "app" have no number
                if parameter is not None and block in users:
                    users[block].append(number)
        return {block: found for block, found in users.items() if found}

    def _grouped(self) -> dict[int, int]:
        """For blocks and the steps that use them, the least number in the group of each."""
        groups: dict[int, int] = {}
        members: dict[int, list[int]] = {}
        for block, users in self._users.items():
            together = {block, *users}
            for group in {groups[each] for each in together if each in groups}:
                together.update(members.pop(group))
            name = min(together)
            members[name] = sorted(together)
            groups.update(dict.fromkeys(together, name))
        return groups

    def _found_needs(self) -> dict[int, int]:
        """What of a wider scope has to be open before each step, or group, can run."""
        needs = dict.fromkeys(range(len(self._nodes)), 0)
        has_changed = True
        while has_changed:
            has_changed = False
            for number in needs:
                name = self._groups.get(number, number)
                found = needs[name]
                for used in (*self._uses[number], *self._outer(number)):
                    found |= needs[self._groups.get(used, used)] | self._bits.get(used, 0)
                has_changed |= found != needs[name]
                needs[name] = found
        return needs

    def _outer(self, number: int) -> list[int]:
        """What of wider scopes opens before a step, whether the step uses it or not."""
        if number == self._endpoint:
            return self._wide
        if number in self._bits and self._nodes[number].lifetime is Lifetime.FUNCTION:
            return [n for n in self._wide if self._nodes[n].lifetime is Lifetime.REQUEST]
        return []

    def _too_far_apart(self, wide: int) -> ScopeError:
        """The error for a step that some users of a block need, and that needs others of them."""
        block, early, late = self._torn_by(wide)[0]
        name, opens = self._nodes[block].signature.name, self._nodes[wide]
        signature = self._nodes[late].signature
        return ScopeError(
            f"{name!r} of scope 'use' is used by {self._nodes[early].signature.name!r} and"
            f" {signature.name!r}, and {opens.signature.name!r} of scope {opens.lifetime.scope!r},"
            " which stays open longer, has to open between the two",
            where=signature.where,
            path=self._nodes[late].path,
            cure=f'let the second have one of its own, `Depends({name}, scope="use",'
            f' use_cache=False)`; or widen it, `Depends({name}, scope="{opens.lifetime.scope}")`',
        )

    def _torn_by(self, wide: int) -> list[tuple[int, int, int]]:
        """The blocks that have a step between two of their users, with these."""
        below = self._all_below(wide)
        torn: list[tuple[int, int, int]] = []
        for block, users in self._users.items():
            early = [user for user in users if user in below]
            late = [user for user in users if user not in below]
            if early and late and self._needs[self._groups[block]] & self._bits[wide]:
                torn.append((block, early[0], late[-1]))
        return torn

    def _all_below(self, number: int) -> set[int]:
        below: set[int] = set()
        pending = [number]
        while pending:
            current = pending.pop()
            new = {*self._uses[current], *self._outer(current)} - below
            below |= new
            pending += new
        return below
