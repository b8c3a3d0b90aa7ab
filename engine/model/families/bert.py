"""BERT (Devlin et al., 2019, https://arxiv.org/abs/1810.04805), and what is saved as BERT, like MacBERT."""

from engine.model.families.layout import Family

BERT = Family("bert", "BertModel")
