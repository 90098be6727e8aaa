"""OptiFormer as a search of scikit-learn's: `OptiFormerSearchCV(estimator, space).fit(X, y)`."""

from typing import Any

from ._requires import requires
from ._space import Space
from ._study import Study

with requires("sklearn", "scikit-learn"):
    from sklearn.model_selection._search import BaseSearchCV
    from sklearn.utils import check_random_state

__all__ = ["OptiFormerSearchCV"]


class OptiFormerSearchCV(BaseSearchCV):
    """Searches hyperparameters by cross-validation, as `RandomizedSearchCV` does, each trial made with those before it in mind.

    Everything that is not said here (`cv_results_`, `best_estimator_`, `best_params_`, scoring, refitting, predicting) is as in
    scikit-learn's own searches.

    Args:
        estimator: What is fitted, with `set_params`.
        space: What may be tried: an `optiformer.Space`, or the mapping that one is made of, such as
            `{"svc__C": (1e-3, 1e3, "log"), "svc__kernel": ["rbf", "linear"]}`. A parameter that is not active in a
            trial keeps the estimator's value.
        n_iter: How many trials are made.
        batch_size: How many trials are suggested and evaluated at a time: with `n_jobs` at least as many trials times folds are fitted
            in parallel. The smaller it is, the more each trial knows.
        scoring, n_jobs, refit, cv, verbose, pre_dispatch, error_score, return_train_score: as in `RandomizedSearchCV`. With
            several metrics `refit` names the one that is optimized.
        random_state: Seed of the suggestions.
        sampler: One of the library's samplers, as for `optiformer.Study`.

    A trial whose mean score is not a number has failed and is avoided. When every fit of a batch fails, its trials are not in
    `cv_results_`; when every fit of the search fails, the error is scikit-learn's.
    """

    def __init__(
        self,
        estimator: Any,
        space: Any,
        *,
        n_iter: int = 30,
        batch_size: int = 1,
        scoring: Any = None,
        n_jobs: Any = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        random_state: Any = None,
        error_score: Any = float("nan"),
        return_train_score: bool = False,
        sampler: str = "auto",
    ) -> None:
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.space = space
        self.n_iter = n_iter
        self.batch_size = batch_size
        self.random_state = random_state
        self.sampler = sampler

    def _run_search(self, evaluate_candidates: Any) -> None:
        for name, value in (("n_iter", self.n_iter), ("batch_size", self.batch_size)):
            if value < 1:
                raise ValueError(f"{name} is {value}, and at least 1 is needed")
        space = self.space if isinstance(self.space, Space) else Space(self.space)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        study = Study(space, direction="maximize", seed=seed, sampler=self.sampler)
        made, recorded, failure = 0, 0, None
        while made < self.n_iter:
            trials = [study.ask() for _ in range(min(self.batch_size, self.n_iter - made))]
            made += len(trials)
            try:
                results = evaluate_candidates([trial.parameters for trial in trials])
            except ValueError as error:
                # A search that makes all its trials at once has no use for a batch in which every
                # fit fails; here it is one of many.
                if "fits failed" not in str(error):
                    raise
                failure = error
                for trial in trials:
                    study.tell_failed(trial)
                continue
            for trial, score in zip(trials, results[self._score_name(results)][recorded:]):
                study.tell(trial, score)
            recorded += len(trials)
        if recorded == 0 and failure is not None:
            raise failure

    def _score_name(self, results: Any) -> str:
        if "mean_test_score" in results:
            return "mean_test_score"
        name = f"mean_test_{self.refit}"
        if name not in results:
            raise ValueError(f"with several metrics refit names the one to optimize, which {self.refit!r} does not")
        return name
