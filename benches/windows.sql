count_1d: count(*) OVER (PARTITION BY customer ORDER BY ts RANGE INTERVAL '1 day' PRECEDING)
mean_1d: avg(amount) OVER (PARTITION BY customer ORDER BY ts RANGE INTERVAL '1 day' PRECEDING)
count_7d: count(*) OVER (PARTITION BY customer ORDER BY ts RANGE INTERVAL '7 days' PRECEDING)
mean_7d: avg(amount) OVER (PARTITION BY customer ORDER BY ts RANGE INTERVAL '7 days' PRECEDING)
count_30d: count(*) OVER (PARTITION BY customer ORDER BY ts RANGE INTERVAL '30 days' PRECEDING)
mean_30d: avg(amount) OVER (PARTITION BY customer ORDER BY ts RANGE INTERVAL '30 days' PRECEDING)
most_7d: max(amount) OVER (PARTITION BY customer ORDER BY ts RANGE INTERVAL '7 days' PRECEDING)
terminal_7d: count(*) OVER (PARTITION BY terminal ORDER BY ts RANGE INTERVAL '7 days' PRECEDING)
logarithm: ln(1 + amount)
hour: extract(hour FROM ts)
night: CASE WHEN extract(hour FROM ts) <= 6 THEN 1 ELSE 0 END
weekend: CASE WHEN extract(dow FROM ts) IN (0, 6) THEN 1 ELSE 0 END
times_mean: amount / mean_7d
times_most: amount / most_7d
busier: count_1d * 7.0 / count_7d
above: amount - mean_30d
root: sqrt(abs(amount - mean_1d))
large: amount > 200 AND terminal_7d < 10
