# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which cultivar is a wine from? Learns it from chemical analyses and draws what matters most.

    rnx run --runtime=python-3.11-ml --upload=analysis.py --download=plot.png python analysis.py
"""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

wine = load_wine(as_frame=True)
print(f"{len(wine.data)} wines, {wine.data.shape[1]} measurements each, {len(wine.target_names)} cultivars")
print(wine.frame.groupby("target")[["alcohol", "color_intensity", "flavanoids", "proline"]].mean().round(2), flush=True)

train, test, train_target, test_target = train_test_split(
    wine.data, wine.target, test_size=0.3, random_state=7, stratify=wine.target
)
model = RandomForestClassifier(n_estimators=200, random_state=7).fit(train, train_target)
score = accuracy_score(test_target, model.predict(test))
print(f"trained on {len(train)} wines, accuracy on {len(test)} others: {score:.3f}", flush=True)

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
for number, name in enumerate(wine.target_names):
    of_class = wine.data[wine.target == number]
    left.scatter(of_class["color_intensity"], of_class["flavanoids"], label=name.replace("class_", "cultivar "))
left.set(xlabel="color intensity", ylabel="flavanoids", title="Three cultivars")
left.legend()
importance = pd.Series(model.feature_importances_, index=wine.data.columns).nlargest(8)
importance[::-1].plot.barh(ax=right, title=f"What the model looks at (accuracy {score:.3f})")
figure.savefig("plot.png", dpi=100)
print("wrote plot.png")
