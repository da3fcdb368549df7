"""The card transactions of the Fraud Detection Handbook, simulated anew by its published recipe, and their features.

5,000 customers and 10,000 terminals live on a square of 100 by 100; a customer uses the terminals within a distance
of 5, at a rate and with amounts of its own, for 183 days. Three kinds of fraud are laid over it: amounts above 220,
two terminals a day compromised for 28 days, and three customers a day compromised for 14 days, of whose payments a
third is multiplied by five. Numbers are drawn as the recipe draws them and sorted as its pandas sorted, so the files
are those of the published data, byte for byte.
"""
import random

import numpy

CUSTOMERS, TERMINALS, DAYS, RADIUS = 5000, 10000, 183, 5
START = numpy.datetime64("2018-04-01T00:00:00")
DAY = 86400
# The three weeks whose features are written: a week to train, a week to wait for labels, a week to test.
FROM, UPTO = 115, 135
PLAIN = ["TRANSACTION_ID", "TX_DATETIME", "CUSTOMER_ID", "TERMINAL_ID", "TX_AMOUNT", "TX_TIME_SECONDS", "TX_TIME_DAYS",
         "TX_FRAUD", "TX_FRAUD_SCENARIO"]
WINDOWS, DELAY = (1, 7, 30), 7


def customers():
    """For each: place, mean amount, deviation, payments a day."""
    numpy.random.seed(0)
    uniform = numpy.random.uniform
    rows = []
    for _ in range(CUSTOMERS):
        x, y, mean, rate = uniform(0, 100), uniform(0, 100), uniform(5, 100), uniform(0, 4)
        rows.append((x, y, mean, mean / 2, rate))
    return rows


def terminals():
    numpy.random.seed(1)
    uniform = numpy.random.uniform
    return numpy.array([(uniform(0, 100), uniform(0, 100)) for _ in range(TERMINALS)])


def payments(customer, profile, near):
    """The payments of one customer: second, day, customer, terminal, amount."""
    _, _, mean, deviation, rate = profile
    random.seed(customer)
    numpy.random.seed(customer)
    for day in range(DAYS):
        for _ in range(numpy.random.poisson(rate)):
            second = int(numpy.random.normal(DAY / 2, 20000))
            if not 0 < second < DAY:
                continue
            amount = numpy.random.normal(mean, deviation)
            if amount < 0:
                amount = numpy.random.uniform(0, mean * 2)
            if near:
                yield day * DAY + second, day, customer, random.choice(near), round(amount, 2)


def in_time(rows, second):
    """These rows in order of time; ties as numpy's quicksort of times leaves them, on every processor."""
    return rows[second[rows].astype("datetime64[s]").argsort()]


class Payments:
    """The columns, a row's place being its id."""

    def __init__(self):
        places, rows = terminals(), []
        for customer, profile in enumerate(customers()):
            distance = numpy.sqrt(((numpy.array(profile[:2]) - places) ** 2).sum(axis=1))
            rows.extend(payments(customer, profile, numpy.flatnonzero(distance < RADIUS).tolist()))
        columns = [numpy.array(column) for column in zip(*rows)]
        order = in_time(numpy.arange(len(rows)), columns[0])
        self.second, self.day, self.customer, self.terminal, self.amount = (column[order] for column in columns)
        self.scenario = numpy.where(self.amount > 220, 1, 0)
        self.add_frauds()

    def add_frauds(self):
        for first in range(DAYS - 1):
            chosen = numpy.random.RandomState(first).choice(TERMINALS, size=2, replace=False)
            self.scenario[self.days(first, 28) & numpy.isin(self.terminal, chosen)] = 2
        for first in range(DAYS - 1):
            chosen = numpy.random.RandomState(first).choice(CUSTOMERS, size=3, replace=False)
            touched = numpy.flatnonzero(self.days(first, 14) & numpy.isin(self.customer, chosen))
            random.seed(first)
            frauds = random.sample(touched.tolist(), k=int(len(touched) / 3))
            self.amount[frauds] *= 5
            self.scenario[frauds] = 3

    def days(self, first, count):
        return (self.day >= first) & (self.day < first + count)

    def groups(self, rows, key):
        """The rows of each customer or terminal, in order of time."""
        rows = rows[key[rows].argsort(kind="stable")]
        cuts = numpy.flatnonzero(numpy.diff(key[rows])) + 1
        return [in_time(group, self.second) for group in numpy.split(rows, cuts)]

    def lines(self, rows, more=()):
        """Rows as CSV has them, with columns of text behind the plain ones."""
        times = numpy.datetime_as_string(START + self.second[rows].astype("timedelta64[s]"))
        for place, (row, time) in enumerate(zip(rows.tolist(), times.tolist())):
            plain = (row, time.replace("T", " "), self.customer[row], self.terminal[row], float(self.amount[row]),
                     self.second[row], self.day[row], int(self.scenario[row] > 0), self.scenario[row])
            yield ",".join([*map(str, plain), *(column[place] for column in more)])


def beginnings(seconds, days):
    """Where the window of so many days begins that ends at each row."""
    return numpy.searchsorted(seconds, seconds - days * DAY, side="right")


def running(values, begins):
    """Sums over windows, taken away from and added to row by row: rounding errors stay, as they did in the recipe's."""
    total, begin, sums = 0.0, 0, []
    for end, upto in enumerate(begins):
        for place in range(begin, upto):
            total -= values[place]
        begin = upto
        total += values[end]
        sums.append(total)
    return sums


def of_customer(data, rows, to):
    """How many payments, and their mean amount."""
    seconds, amounts = data.second[rows], data.amount[rows].tolist()
    for window, days in enumerate(WINDOWS):
        begins = beginnings(seconds, days)
        count = numpy.arange(1, len(rows) + 1) - begins
        to[2 * window][rows] = count
        to[2 * window + 1][rows] = numpy.array(running(amounts, begins.tolist())) / count


def of_terminal(data, rows, to):
    """How many payments before the days in which frauds are not known yet, and which share was fraud."""
    seconds = data.second[rows]
    frauds = numpy.concatenate([[0], numpy.cumsum(data.scenario[rows] > 0)])
    late = beginnings(seconds, DELAY)
    for window, days in enumerate(WINDOWS):
        begins = beginnings(seconds, DELAY + days)
        count = late - begins
        to[2 * window][rows] = count
        to[2 * window + 1][rows] = (frauds[late] - frauds[begins]) / numpy.maximum(count, 1)


def features(data):
    """The order in which the recipe leaves the rows, the names of the features, and their columns by id."""
    ids = numpy.arange(len(data.second))
    columns = [numpy.zeros(len(ids)) for _ in range(4 * len(WINDOWS))]
    by_customer = data.groups(ids, data.customer)
    for rows in by_customer:
        of_customer(data, rows, columns[: 2 * len(WINDOWS)])
    by_terminal = data.groups(in_time(numpy.concatenate(by_customer), data.second), data.terminal)
    for rows in by_terminal:
        of_terminal(data, rows, columns[2 * len(WINDOWS) :])
    order = in_time(numpy.concatenate(by_terminal), data.second)
    order = numpy.concatenate([in_time(order[data.day[order] == day], data.second) for day in range(DAYS)])
    names = [f"{who}_ID_{what}_{days}DAY_WINDOW"
             for who, second in (("CUSTOMER", "AVG_AMOUNT"), ("TERMINAL", "RISK"))
             for days in WINDOWS for what in ("NB_TX", second)]
    return order, names, columns


def files():
    """Both published files: all transactions, and three weeks of them with their features."""
    data = Payments()
    order, names, columns = features(data)
    yield "\n".join([",".join(PLAIN), *data.lines(order)]) + "\n"
    rows = order[(data.day[order] >= FROM) & (data.day[order] <= UPTO)]
    # 2018-04-01 was a Sunday.
    weekend = numpy.isin(data.day[rows] % 7, (0, 6)).astype(int)
    night = (data.second[rows] % DAY // 3600 <= 6).astype(int)
    shown = [[str(value) for value in column] for column in (weekend, night)]
    for place, column in enumerate(columns):
        shown.append([str(int(value) if place % 2 == 0 else value) for value in column[rows].tolist()])
    header = [*PLAIN, "TX_DURING_WEEKEND", "TX_DURING_NIGHT", *names]
    yield "\n".join([",".join(header), *data.lines(rows, shown)]) + "\n"
