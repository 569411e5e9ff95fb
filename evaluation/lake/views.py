"""Views of the lake: the questions that are asked of every series of versions, ready to select."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class View:
    """One view.

    Attributes:
        question: that it answers.
        sql: its SELECT over the lake's tables, in DuckDB's SQL.
    """

    question: str
    sql: str


LOOKED_AT = 20  # pairs of each kind that are worth a person's time

# Headlines of versions that are out, against training and validation data.
_PUBLISHED = """
published AS (
    SELECT data_set, number, snapshot FROM versions
    ANTI JOIN (SELECT data_set, number FROM versions WHERE event = 'withdrawn')
    USING (data_set, number)
    WHERE event = 'published'
),
headlines AS (
    SELECT published.data_set, published.number, published.snapshot, metric, scores.value, low,
        high, n, unit, higher_is_better, reference, judge, parameters, version, recorded_at
    FROM scores JOIN published ON scores.subject = published.snapshot
    WHERE isfinite(scores.value)
        AND json_extract_string(parameters_json, '$.domain') IS NULL
        AND json_extract_string(parameters_json, '$.class') IS NULL
        AND json_extract_string(parameters_json, '$.facet') IS NULL
        AND NOT EXISTS (FROM test_openings WHERE test_openings.reference = scores.reference)
)
"""

_BEST = f"""
WITH {_PUBLISHED},
comparable AS (
    -- Only what was measured as the newest version was; else the judge would be compared.
    FROM headlines WHERE higher_is_better IS NOT NULL
    QUALIFY (reference, judge, parameters, version) = last_value(
        (reference, judge, parameters, version)
    ) OVER (
        PARTITION BY data_set, metric ORDER BY recorded_at, number
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    )
)
SELECT data_set, metric, number, value, low, high, n, unit, snapshot, reference, judge
FROM comparable
QUALIFY row_number() OVER (
    PARTITION BY data_set, metric
    ORDER BY CASE WHEN higher_is_better THEN -value ELSE value END, number
) = 1
"""

_DRIFT = f"""
WITH {_PUBLISHED}
SELECT data_set, metric, number, value, low, high, n,
    lag(value) OVER series AS previous,
    value - lag(value) OVER series AS change,
    low <= lag(high) OVER series AND high >= lag(low) OVER series AS overlap,
    reference, judge
FROM headlines
WINDOW series AS (
    PARTITION BY data_set, metric, reference, judge, parameters, version ORDER BY number
)
"""

_WORST = f"""
WITH {_PUBLISHED},
parts AS (
    SELECT *, json_extract_string(parameters_json, '$.domain') AS domain,
        json_extract_string(parameters_json, '$.class') AS class,
        json_extract_string(parameters_json, '$.facet') AS facet
    FROM scores
    WHERE isfinite(value) AND higher_is_better IS NOT NULL
        AND NOT EXISTS (FROM test_openings WHERE test_openings.reference = scores.reference)
    QUALIFY row_number() OVER (
        PARTITION BY subject, metric, parameters_json ORDER BY recorded_at DESC
    ) = 1
)
SELECT parts.data_set, published.number, subject AS snapshot, metric, domain, class, facet,
    value, low, high, n,
    row_number() OVER (
        PARTITION BY subject, metric
        ORDER BY CASE WHEN higher_is_better THEN value ELSE -value END, domain, class, facet
    ) AS rank
FROM parts LEFT JOIN published ON published.snapshot = parts.subject
WHERE coalesce(domain, class, facet) IS NOT NULL
"""

_LOOK_AT = f"""
WITH newest AS (
    FROM scorings QUALIFY row_number() OVER (
        PARTITION BY subject ORDER BY recorded_at DESC
    ) = 1
),
numbers AS (
    SELECT newest.data_set, newest.subject AS snapshot, pair."row", pair.domain, pair.metric,
        pair.value
    FROM newest JOIN pair_scores AS pair
    ON pair.subject = newest.pairs AND pair.reference = newest.reference
        AND pair.judge = newest.judge
    WHERE isfinite(pair.value) AND NOT EXISTS (
        FROM rejections
        WHERE rejections.snapshot = newest.subject AND rejections."row" = pair."row"
    )
),
ranked AS (
    SELECT *, row_number() OVER (PARTITION BY snapshot, metric ORDER BY value, "row") AS rank
    FROM numbers WHERE metric IN ('dice', 'nearest_distance')
)
SELECT data_set, snapshot, "row", domain,
    CASE metric WHEN 'dice' THEN 'the judge agrees least' ELSE 'nearest to a training image' END
        AS why,
    value, rank
FROM ranked WHERE rank <= {LOOKED_AT}
UNION ALL
SELECT data_set, snapshot, "row", domain, 'rejected: ' || reason, NULL,
    row_number() OVER (PARTITION BY snapshot ORDER BY "row")
FROM rejections
"""

FORMER_VIEW = "scores_by_former_name"
_FORMER = """
SELECT scores.* REPLACE (coalesce(former, scores.metric) AS metric)
FROM scores LEFT JOIN former_names USING (metric)
"""

VIEWS: Mapping[str, View] = {
    "best_versions": View("Which version is the best so far, by each score?", _BEST),
    "drift": View("How does a score move from version to version?", _DRIFT),
    "worst_facets": View("In which domain, class or facet is a version at its worst?", _WORST),
    "look_at": View("Which pairs should a person look at?", _LOOK_AT),
    FORMER_VIEW: View("What were the scores under the names that they had first?", _FORMER),
}
