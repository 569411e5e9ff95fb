"""What synthetic pairs are for, and what not."""

INTENDED = (
    "Research and development: to train and test models that segment or classify such images, "
    "beside real ones, and to try out software without patients' images."
)
FORBIDDEN = (
    "Diagnosis, or any decision about a patient; proof that a model is safe or approved; passing "
    "them off as images of patients; looking for the patients that the generator learnt from."
)
