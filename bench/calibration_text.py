"""What docs/calibration.md says around its tables."""

INTRODUCTION = """# How often intervals and tests are right

Every interval and test of `microtome.statistics` is simulated here on data whose truth is known,
with the shipped functions. A *coverage* is the share of data sets whose 95 % interval holds the
truth: 0.95 is what the interval promises, more is cautious, less is wrong. *Claims* are the share
of data sets without any effect in which a test at 5 % claims one: at most 0.05 is promised. The
columns are numbers of clusters (scenarios, problems, pairs, seeds): what intervals resample.

At least {simulations} data sets a cell, 250 where a data set is a whole run's claims and 100 where
it is twenty families: a coverage near 0.95 then has the standard error
√(0.95 · 0.05 / simulations), 0.003 for 4,000 and 0.007 for 1,000. This page is written by

    python -m bench.calibration --statistics --simulations 4000 --page docs/calibration.md

A killed run goes on where it stopped.

What no interval can do: a rare cluster that is unlike the rest and was not drawn is invisible. The
rows "20 % at 5", "10 % a hundred times the rest" and "10 % of clusters at .3" show it: they miss
about as often as no such cluster is among those drawn. An interval holds for clusters like these.
"""

SECTIONS = {
    "0 sizes of clusters differ": (
        "Means of clusters whose sizes differ, half of an item's variance being its cluster's. By "
        'default clusters weigh the same; `weight="item"` lets items weigh the same, with the '
        "error of leaving out one cluster at a time and Student's t at Kish's number of clusters."
    ),
    "1 mean, unbounded": (
        "`mean` of values without a range: the wider of Student's t and the full bootstrap-t, each "
        "side at most three times Student's. Below four clusters there is none. Width is in units "
        'of Student\'s interval (median); "p ≤ .01" is how often the p-value against the truth is '
        "at most 0.01."
    ),
    "2 within a range": (
        "`share`, and `mean(within=(a, b))`: Clopper and Pearson's interval at Korn and Graubard's "
        'effective number of clusters. ARI lies in [-.5, 1]: "30 % at 1" has the rest uniform in '
        '[.1, .9]; K is 1 + Binomial(4, ½), or 1 in nine of ten clusters; "paired difference, '
        'binary" is 1, -1, 0 with probabilities .25, .05, .7; "shares of 64" are shares of 64 '
        "items of a cluster. Width is in units of the range (median)."
    ),
    "3 unpaired difference": (
        "`difference`: square-and-add of the intervals of both groups. Shares of 64 items with "
        "means .6 and .4 (beta with 6 prior counts); binary .6 against .3."
    ),
    "3 five strata": (
        "`mean(strata=)`: five strata with means of their own, the columns are clusters in each. "
        "Strata of two take Student's t alone."
    ),
    "3 ratio": (
        "`ratio` (top = 2 · bottom + noise), `signed_share` (gaps N(1, 1); effect = .6 gap + "
        "noise, or a share that varies by .3) and `ratio_of_geometric_means`. *Refused*: share of "
        "data sets whose denominator may be 0 (Student's interval of its mean holds 0); coverage "
        "is that of the others."
    ),
    "4 AUROC": (
        "`auroc`: DeLong's error on the logit scale with Student's t, of two independent groups of "
        "normal scores (n each) or of n pairs with correlation ρ."
    ),
    "5 any of 20 columns claimed": (
        "Twenty columns of mean 0, tested together (max-T): how often any is claimed at 5 %, and "
        "the share of columns claimed. `mean_is_0` holds its level on skewed data; "
        "`symmetric_about_0` tests symmetry, which skewed data of mean 0 lack, and rejects it. "
        "A column that is equal in all clusters is never claimed."
    ),
    "5 power": (
        "The same with every column shifted: how often any is claimed, and the share of columns."
    ),
    "6 rank of a component named beforehand": (
        "`rank_among_peers` over 6 clusters; the columns are numbers of peers, all exchangeable. "
        "With fewer than 20 peers no rank reaches 5 %."
    ),
    "6 held-out maximum of 30": (
        "`held_out_maximum`: whether the interval holds the true mean of what the halves chose."
    ),
    "7 a run's claims": (
        "`decide`: Benjamini and Hochberg over 60 single claims (sign flips, 12 true at 1.5 sd, "
        "columns are clusters of each third) with claims that no result could decide left out, and "
        "over 20 families of 20 (5 with 4 true members): expected share of false claims, and power."
    ),
}
