"""The tests' files out of what packages have made of them: bytes in, bytes out. Digests say whether they are equal."""
import csv
import datetime
import io
import zipfile


def as_it_is(content):
    return content


def first_member(content):
    archive = zipfile.ZipFile(io.BytesIO(content))
    return archive.read(archive.namelist()[0])


def without_header(content):
    """Commas instead of semicolons, and no names."""
    _, *rows = content.decode().replace(";", ",").splitlines()
    return "\n".join(rows).encode()


def bananas(content):
    """`-1 1:0.5 2:-0.25` is the row `0.5,-0.25,0`."""
    rows = [b"x1,x2,label"]
    for line in first_member(content).splitlines():
        label, *values = line.split()
        row = [value.split(b":")[1] for value in values]
        rows.append(b",".join([*row, b"1" if label == b"1" else b"0"]))
    return b"\n".join(rows) + b"\n"


def codes(rows, names, group):
    """The one-hot columns `GROUP_CODE` of each row, put back into one column of codes."""
    places = [(place, name[len(group) + 1 :]) for place, name in enumerate(names) if name.startswith(group + "_")]
    return [next(code for place, code in places if row[place] == "1") for row in rows]


def credit_card_clients(content):
    names, *rows = csv.reader(io.StringIO(content.decode()))
    label = names.index("default-payment-next-month")
    plain = range(1, label)  # the first column is an identifier
    header = [*(names[place] for place in plain), "EDUCATION", "MARRIAGE", "default"]
    groups = [codes(rows, names, group) for group in ("EDUCATION", "MARRIAGE")]
    lines = [",".join(header)]
    for row, *own in zip(rows, *groups):
        lines.append(",".join([*(row[place] for place in plain), *own, row[label]]))
    return ("\n".join(lines) + "\n").encode()


def short(number, digits):
    """Without the zeros that follow from writing so many digits."""
    return f"{number:.{digits}f}".rstrip("0").rstrip(".")


# Weeks of the electricity market in whose dates day and month are exchanged, by the number of their first day.
EXCHANGED = (524, 727, 748, 846)


def market_date(number):
    """The date of a day as the data set has it: the digits of year, month and day, from 0 on."""
    # One Sunday is there twice.
    day = datetime.date(1996, 5, 7) + datetime.timedelta(days=number - (number >= 363))
    written = "%y%d%m" if any(first <= number < first + 7 for first in EXCHANGED) else "%y%m%d"
    return short((int(day.strftime(written)) - 960507) / 22601, 6)


def elec2(content):
    """The package has left out the date and the day of the week, which follow from the place: 48 rows a day."""
    _, *rows = csv.reader(io.StringIO(content.decode()))
    lines = ["date,day,period,nswprice,nswdemand,vicprice,vicdemand,transfer,class"]
    for place, (*values, label) in enumerate(rows):
        number = place // 48
        numbers = [short(float(value), 6) for value in values]
        lines.append(",".join([market_date(number), str((number + 1) % 7 + 1), *numbers, ("DOWN", "UP")[int(label)]]))
    return "\n".join(lines).encode()


SEASONS = {"spring": 1, "summer": 2, "fall": 3, "winter": 4}
# Where the package has no word, the sky was clear.
WEATHER = {"": 1, "Clear": 1, "Mist": 2, "Light Rain": 3, "Heavy Rain": 4}
BIKES = "instant,dteday,season,yr,mnth,hr,holiday,weekday,workingday,weathersit,temp,atemp,hum,windspeed"


def hour(text):
    """12am is 0, 3pm is 15."""
    return int(text[:-2]) % 12 + 12 * text.endswith("pm")


def bike_demand(content):
    """The package has words for codes, degrees and km/h for shares, another order, and the day of the week with gaps."""
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    rows.sort(key=lambda row: (row["dteday"], hour(row["hr"])))
    lines = [BIKES + ",casual,registered,cnt"]
    for instant, row in enumerate(rows, 1):
        day = datetime.date.fromisoformat(row["dteday"])
        plain = [instant, day, SEASONS[row["season"]], day.year - 2011, day.month, hour(row["hr"]),
                 int(row["holiday"] == "Yes"), day.isoweekday() % 7, int(row["workingday"] == "Yes"),
                 WEATHER[row["weathersit"]]]
        shares = [short((float(row["temp"]) + 8) / 47, 2), short((float(row["atemp"]) + 16) / 66, 4),
                  short(float(row["hum"]) / 100, 2), short(float(row["windspeed"]) / 67, 4)]
        lines.append(",".join([*map(str, plain), *shares, row["casual"], row["registered"], row["cnt"]]))
    return ("\r\n".join(lines) + "\r\n").encode()
