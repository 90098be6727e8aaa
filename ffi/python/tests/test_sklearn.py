"""The search of scikit-learn's, under scikit-learn's own checks."""

import numpy
import optiformer
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from optiformer.sklearn import OptiFormerSearchCV  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.datasets import load_iris  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.svm import SVC  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402

SEARCHES = [OptiFormerSearchCV(LogisticRegression(), {"C": (0.1, 10.0, "log")}, n_iter=2, cv=2, random_state=0)]
SPACE = {
    "svc__kernel": ["rbf", "linear"],
    "svc__C": (1e-3, 1e3, "log"),
    "svc__gamma": {"type": "float", "low": 1e-4, "high": 10.0, "log": True, "when": {"parent": "svc__kernel", "is": ["rbf"]}},
}


@parametrize_with_checks(SEARCHES)
def test_the_estimator_contract(estimator, check):
    check(estimator)


def search(**options):
    return OptiFormerSearchCV(make_pipeline(StandardScaler(), SVC()), SPACE, cv=3, random_state=1, **options)


def test_a_pipeline_with_a_conditional_parameter():
    data = load_iris()
    found = search(n_iter=15, batch_size=4).fit(data.data, data.target)
    assert found.best_score_ > 0.96 and found.score(data.data, data.target) > 0.95
    assert len(found.cv_results_["params"]) == 15
    for parameters in found.cv_results_["params"]:
        assert ("svc__gamma" in parameters) == (parameters["svc__kernel"] == "rbf")
    again = clone(found).fit(data.data, data.target)
    assert again.cv_results_["params"] == found.cv_results_["params"]
    built = clone(found).set_params(space=optiformer.Space(SPACE)).fit(data.data, data.target)
    assert built.cv_results_["params"] == found.cv_results_["params"]


def test_one_of_several_metrics_is_optimized():
    data = load_iris()
    scoring = {"accuracy": "accuracy", "loss": "neg_log_loss"}
    plain = LogisticRegression()
    found = OptiFormerSearchCV(plain, {"C": (1e-3, 1e3, "log")}, n_iter=6, scoring=scoring, refit="loss", random_state=1)
    found.fit(data.data, data.target)
    assert found.cv_results_["mean_test_loss"].max() == found.cv_results_["mean_test_loss"][found.best_index_]
    with pytest.raises(ValueError, match="refit"):
        found.set_params(refit=False).fit(data.data, data.target)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning", "ignore::UserWarning")
def test_a_fit_that_fails_is_a_failed_trial():
    data = load_iris()

    class Fragile(LogisticRegression):
        def fit(self, X, y):
            if self.C > 1.0:
                raise ArithmeticError
            return super().fit(X, y)

    found = OptiFormerSearchCV(Fragile(), {"C": (0.01, 100.0, "log")}, n_iter=12, cv=2, random_state=1)
    found.fit(data.data, data.target)
    assert 1 < len(found.cv_results_["params"]) < 12 and found.best_params_["C"] <= 1.0
    found.set_params(batch_size=6).fit(data.data, data.target)
    assert len(found.cv_results_["params"]) == 12 and numpy.isnan(found.cv_results_["mean_test_score"]).any()
    with pytest.raises(ValueError, match="fits failed"):
        found.set_params(space={"C": (2.0, 100.0, "log")}).fit(data.data, data.target)
    with pytest.raises(ArithmeticError):
        found.set_params(error_score="raise").fit(data.data, data.target)


def test_bad_input_is_named():
    data = load_iris()
    with pytest.raises(ValueError, match="n_iter is 0"):
        search(n_iter=0).fit(data.data, data.target)
    with pytest.raises(optiformer.Error, match="nonesuch"):
        search(sampler="nonesuch").fit(data.data, data.target)
